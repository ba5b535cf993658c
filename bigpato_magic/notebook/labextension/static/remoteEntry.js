// Colours for BigQuery SQL in `%%bpsql` and `%%bp_explain` cells of JupyterLab 4 and Notebook 7.
// A prebuilt extension written by hand: a module-federation container is an object with `init` and `get`, so no build
// step and no npm are needed. https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
(() => {
  let scope;

  /** A package that JupyterLab shares: the instance it runs itself, for two of CodeMirror's do not fit together. */
  async function shared(name) {
    const versions = Object.values(scope[name]);
    const chosen = versions.find((version) => version.loaded) ?? versions.at(-1);
    return (await chosen.get())();
  }

  // GoogleSQL's lexical structure: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
  const TOKENS = new RegExp([
    /(?<comment>--[^\n]*|#[^\n]*|\/\*[^]*?(?:\*\/|$))/,
    /(?<string>(?:\b[rbRB]{1,2})?(?:'''(?:[^\\]|\\[^])*?(?:'''|$)|"""(?:[^\\]|\\[^])*?(?:"""|$)|'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?))/,
    /(?<quoted>`[^`\n]*`?)/,
    /(?<param>@@?[A-Za-z_][\w.]*|\$[A-Za-z_]\w*)/,
    /(?<number>\b0[xX][\da-fA-F]+\b|(?:\b\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\b)/,
    /(?<call>\b[A-Za-z_][\w.]*(?=\())/,
    /(?<word>\b[A-Za-z_]\w*\b)/,
    /(?<operator>[^\s\w])/,
  ].map((token) => token.source).join("|"), "g");

  const words = (text) => new Set(text.trim().split(/\s+/));
  // Reserved words, and those that only read as keywords; a column may be called by one of the latter.
  const KEYWORDS = words(`
    all and any array as asc assert_rows_modified at between by case cast collate contains create cross cube current
    default define desc distinct else end enum escape except exclude exists extract false fetch following for from full
    group grouping groups hash having if ignore in inner intersect interval into is join lateral left like limit lookup
    merge natural new no not null nulls of on or order outer over partition preceding proto qualify range recursive
    respect right rollup rows select set some struct tablesample then to treat true unbounded union unnest using when
    where window with within
    alter begin call commit declare delete drop execute immediate insert values update table view temp temporary function
    procedure returns language options replace offset ordinal safe_offset safe_ordinal system_time pivot unpivot zone
    matched truncate rollback transaction elseif while loop leave break continue iterate raise exception return materialized
    external snapshot clone copy load export data cluster`);
  const TYPES = words(`
    int64 float64 bool boolean string bytes date datetime time timestamp numeric bignumeric decimal bigdecimal json
    geography int integer bigint smallint tinyint byteint`);

  function kind(groups, text) {
    if (groups.word !== undefined) return wordKind(text);
    if (groups.call !== undefined) return KEYWORDS.has(text.toLowerCase()) ? "keyword" : "call";
    return Object.keys(groups).find((name) => groups[name] !== undefined);
  }

  function wordKind(text) {
    const lower = text.toLowerCase();
    return KEYWORDS.has(lower) ? "keyword" : TYPES.has(lower) ? "type" : "word";
  }

  // What each kind is called in JupyterLab's own palette, so that it follows every theme.
  const COLOURS = {
    comment: "comment", string: "string", quoted: "variable-2", param: "attribute", number: "number", call: "def",
    keyword: "keyword", type: "builtin", word: "variable", operator: "operator",
  };

  function rules() {
    return Object.fromEntries(Object.entries(COLOURS).map(([name, colour]) => [
      `.bp-sql-${name}, .bp-sql-${name} *`,
      {
        color: `var(--jp-mirror-editor-${colour}-color) !important`,
        fontWeight: name === "keyword" ? "bold" : "normal",
        fontStyle: name === "comment" ? "italic" : "normal",
      },
    ]));
  }

  function highlighter(state, view) {
    const marks = Object.fromEntries(Object.keys(COLOURS).map((name) => [name, view.Decoration.mark({ class: `bp-sql-${name}` })]));
    function colour(document) {
      const first = document.line(1);
      if (document.lines < 2 || !/^%%bp(?:sql|_explain)\b/.test(first.text)) return view.Decoration.none;
      const start = first.to + 1, ranges = [];
      for (const token of document.sliceString(start).matchAll(TOKENS)) {
        const from = start + token.index;
        ranges.push(marks[kind(token.groups, token[0])].range(from, from + token[0].length));
      }
      return view.Decoration.set(ranges);
    }
    const plugin = view.ViewPlugin.fromClass(
      class {
        constructor(editor) { this.decorations = colour(editor.state.doc); }
        update(change) { if (change.docChanged) this.decorations = colour(change.state.doc); }
      },
      { decorations: (it) => it.decorations },
    );
    return [state.Prec.highest(plugin), view.EditorView.baseTheme(rules())];
  }

  async function load() {
    const [codemirror, state, view] = await Promise.all(["@jupyterlab/codemirror", "@codemirror/state", "@codemirror/view"].map(shared));
    const name = "bigpato-magic:sql";
    const factory = () => codemirror.EditorExtensionRegistry.createImmutableExtension(highlighter(state, view));
    const plugin = {
      id: name,
      description: "Colours for BigQuery SQL in %%bpsql cells.",
      autoStart: true,
      requires: [codemirror.IEditorExtensionRegistry],
      activate: (_app, registry) => { registry.addExtension({ name, factory }); },
    };
    return { __esModule: true, default: plugin };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["bigpato-magic"] = {
    init: (shareScope) => { scope = shareScope; },
    get: async () => { const module = await load(); return () => module; },
  };
})();
