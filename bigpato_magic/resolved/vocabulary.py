"""The functions that BigQuery has, by the analyzer's names. What is not here the analyzer must not know.

https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

_PURE = """
    abs acos acosh any_value array_agg array_concat array_concat_agg array_first
    array_last array_length array_reverse array_slice array_to_string ascii asin asinh atan atan2 atanh avg
    bit_and bit_count bit_or bit_xor bool byte_length cbrt ceil char_length chr coalesce
    code_points_to_bytes code_points_to_string concat corr cos cosh cosine_distance cot coth count countif
    covar_pop covar_samp csc csch cume_dist date date_add date_bucket date_diff date_from_unix_date date_sub
    date_trunc datetime datetime_add datetime_bucket datetime_diff datetime_sub datetime_trunc dense_rank
    div edit_distance ends_with error euclidean_distance exp farm_fingerprint first_value float64
    floor format format_date format_datetime format_time format_timestamp
    from_base64 from_hex generate_array generate_date_array generate_range_array generate_timestamp_array
    greatest grouping ieee_divide if ifnull initcap instr int64 is_inf is_nan json_array
    json_array_append json_array_insert json_extract json_extract_array json_extract_scalar json_flatten
    json_extract_string_array json_keys json_object json_query json_query_array json_remove json_set
    json_strip_nulls json_type json_value json_value_array justify_days justify_hours justify_interval lag
    last_day last_value lax_bool lax_float64 lax_int64
    lax_string lead least left length ln log log10 logical_and logical_or lower lpad ltrim
    make_interval max md5 min mod net.host net.ip_from_string net.ip_net_mask net.ip_to_string net.ip_trunc
    net.ipv4_from_int64 net.ipv4_to_int64 net.public_suffix net.reg_domain net.safe_ip_from_string normalize
    normalize_and_casefold nth_value ntile nullif parse_bignumeric parse_date parse_datetime parse_json
    parse_numeric parse_time parse_timestamp percent_rank percentile_cont percentile_disc pow range
    range_bucket range_contains range_end range_intersect range_overlaps range_start rank regexp_contains
    regexp_extract regexp_extract_all regexp_instr regexp_replace repeat replace reverse right round
    row_number rpad rtrim safe_add safe_convert_bytes_to_string safe_divide safe_multiply safe_negate
    safe_subtract sec sech sha1 sha256 sha512 sign sin sinh soundex split sqrt starts_with stddev_pop
    stddev_samp string string_agg strpos substr sum tan tanh time time_add time_diff time_sub
    time_trunc timestamp timestamp_add timestamp_bucket timestamp_diff timestamp_micros timestamp_millis
    timestamp_seconds timestamp_sub timestamp_trunc typeof to_base64 to_code_points to_hex to_json
    to_json_string translate trim trunc unicode unix_date unix_micros unix_millis unix_seconds upper var_pop
    var_samp
"""
_OTHER = """
    contains_substr from_base32 to_base32
    aead.decrypt_bytes aead.decrypt_string aead.encrypt approx_count_distinct approx_quantiles
    approx_top_count approx_top_sum collate
    current_date current_datetime current_time current_timestamp deterministic_decrypt_bytes
    deterministic_decrypt_string deterministic_encrypt generate_uuid rand session_user
"""
# Of these the answer depends on the arguments only.
PURE = frozenset(_PURE.split())
# Of these it does not, or the evaluator has no answer, or another than BigQuery.
OTHER = frozenset(_OTHER.split())
# What the analyzer or the compiler makes of these, so that no rule sees them.
REWRITTEN = {
    "array_first": "an array's element",
    "array_last": "an array's element",
    "array_slice": "a subquery over an array",
    "grouping": "a part of GROUP BY",
    "rand": "a column of draws",
    "typeof": "the name of a type",
}
_FAMILIES = ("$", "hll_count.", "keys.", "kll_quantiles.", "s2_", "st_")


def is_bigquerys(name: str) -> bool:
    """Whether BigQuery has a function of that (lower-case) name; operators, as `$add`, are functions too."""
    return name in PURE or name in OTHER or name.startswith(_FAMILIES)
