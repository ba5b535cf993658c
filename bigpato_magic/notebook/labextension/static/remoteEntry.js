// @ts-check
// Colours for BigQuery SQL in `%%bpsql` and `%%bp_explain` cells of JupyterLab 4 and Notebook 7.
// A prebuilt extension written by hand: a module-federation container is an object with `init` and `get`, so no build
// step and no npm are needed.
// https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
(() => {
  /** @typedef {import("@codemirror/state").Extension} Extension */
  /** @typedef {typeof import("@codemirror/state")} StateModule */
  /** @typedef {typeof import("@codemirror/view")} ViewModule */
  /** @typedef {{ kind: string, from: number, to: number }} Token kind: a key of COLOURS */
  /** @typedef {{ loaded?: unknown, get: () => Promise<() => unknown> }} SharedVersion */
  /** @typedef {Record<string, Record<string, SharedVersion>>} ShareScope packages by name and version */
  /** @typedef {{ addExtension: (extension: { name: string, factory: () => unknown }) => void }} Registry */
  /**
   * What is used of JupyterLab's own package.
   *
   * @typedef {object} LabCodeMirror
   * @property {{ createImmutableExtension: (extension: Extension) => unknown }} EditorExtensionRegistry
   * @property {unknown} IEditorExtensionRegistry
   */

  /** @type {ShareScope} */
  let scope;

  /**
   * A package that JupyterLab shares: the instance it runs itself, for two of CodeMirror's do not fit together.
   *
   * @param {string} name
   */
  async function shared(name) {
    const versions = Object.values(scope[name]);
    const chosen = versions.find((version) => version.loaded) ?? versions[versions.length - 1];
    return (await chosen.get())();
  }

  // GoogleSQL's lexical structure: https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
  // What is not closed yet goes on: to the end of the text in three quotes and in comments, else of the line.
  const LEXEMES = {
    comment: /--[^\n]*|#[^\n]*|\/\*[^]*?(?:\*\/|$)/,
    block: /(?:\b[rbRB]{1,2})?(?:'''(?:[^\\]|\\[^])*?(?:'''|$)|"""(?:[^\\]|\\[^])*?(?:"""|$))/,
    string: /(?:\b[rbRB]{1,2})?(?:'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?)/,
    quoted: /`(?:[^`\\\n]|\\.)*`?/,
    param: /@@?[A-Za-z_][\w.]*|\$[A-Za-z_]\w*/,
    number: /\b0[xX][\da-fA-F]+\b|(?:\b\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\b/,
    call: /\b[A-Za-z_][\w.]*(?=\()/,
    field: /(?<=\.)[A-Za-z_]\w*\b/, // after a dot, any word is a name
    word: /\b[A-Za-z_]\w*\b/,
    operator: /[^\s\w]/,
  };
  const TOKENS = new RegExp(
    Object.entries(LEXEMES)
      .map(([name, lexeme]) => `(?<${name}>${lexeme.source})`)
      .join("|"),
    "gu", // in Unicode: a mark never ends within a character
  );

  /** @param {string} text */
  const words = (text) => new Set(text.trim().split(/\s+/));
  // Reserved words, and those that only read as keywords; a column may be called by one of the latter.
  const KEYWORDS = words(`
    all and any array as asc assert_rows_modified at between by case cast collate contains create cross cube current
    default define desc distinct else end enum escape except exclude exists extract false fetch following for from full
    group grouping groups hash having if ignore in inner intersect interval into is join lateral left like limit lookup
    merge natural new no not null nulls of on or order outer over partition preceding proto qualify range recursive
    respect right rollup rows select set some struct tablesample then to treat true unbounded union unnest using when
    where window with within
    alter begin call commit declare delete drop execute immediate insert values update table view temp temporary
    function procedure returns language options replace offset ordinal safe_offset safe_ordinal system_time pivot
    unpivot zone matched truncate rollback transaction elseif while loop leave break continue iterate raise exception
    return materialized external snapshot clone copy load export data cluster`);
  const TYPES = words(`
    int64 float64 bool boolean string bytes date datetime time timestamp numeric bignumeric decimal bigdecimal json
    geography int integer bigint smallint tinyint byteint`);

  /**
   * @param {string} lexeme
   * @param {string} text
   * @returns {string} a key of COLOURS
   */
  function kindOf(lexeme, text) {
    if (lexeme === "block") return "string";
    if (lexeme === "field") return "word";
    if (lexeme !== "word" && lexeme !== "call") return lexeme;
    const lower = text.toLowerCase();
    if (KEYWORDS.has(lower)) return "keyword";
    return lexeme === "word" && TYPES.has(lower) ? "type" : lexeme;
  }

  /**
   * @param {string} text SQL, perhaps unfinished
   * @returns {Token[]} its words, strings, comments and so on, in order
   */
  function tokens(text) {
    return Array.from(text.matchAll(TOKENS), (match) => {
      const [lexeme] = Object.entries(match.groups ?? {}).find(([, part]) => part !== undefined) ?? ["operator"];
      return { kind: kindOf(lexeme, match[0]), from: match.index, to: match.index + match[0].length };
    });
  }

  // What each kind is called in JupyterLab's own palette, so that it follows every theme.
  const COLOURS = {
    comment: "comment",
    string: "string",
    quoted: "variable-2",
    param: "attribute",
    number: "number",
    call: "def",
    keyword: "keyword",
    type: "builtin",
    word: "variable",
    operator: "operator",
  };

  function rules() {
    return Object.fromEntries(
      Object.entries(COLOURS).map(([name, colour]) => [
        `.bp-sql-${name}, .bp-sql-${name} *`,
        {
          color: `var(--jp-mirror-editor-${colour}-color) !important`,
          fontWeight: name === "keyword" ? "bold" : "normal",
          fontStyle: name === "comment" ? "italic" : "normal",
        },
      ]),
    );
  }

  /**
   * @param {StateModule} state
   * @param {ViewModule} view
   * @returns {Extension} of the editor: marks in cells with our magics, and their colours
   */
  function highlighter(state, view) {
    const marks = Object.fromEntries(
      Object.keys(COLOURS).map((name) => [name, view.Decoration.mark({ class: `bp-sql-${name}` })]),
    );
    /** @type {(document: import("@codemirror/state").Text) => import("@codemirror/view").DecorationSet} */
    function colour(document) {
      const first = document.line(1);
      if (document.lines < 2 || !/^%%bp(?:sql|_explain)\b/.test(first.text)) return view.Decoration.none;
      const start = first.to + 1;
      const ranges = tokens(document.sliceString(start)).map(({ kind, from, to }) =>
        marks[kind].range(start + from, start + to),
      );
      return view.Decoration.set(ranges);
    }
    const plugin = view.ViewPlugin.fromClass(
      class {
        /** @param {import("@codemirror/view").EditorView} editor */
        constructor(editor) {
          this.decorations = colour(editor.state.doc);
        }
        /** @param {import("@codemirror/view").ViewUpdate} change */
        update(change) {
          if (change.docChanged) this.decorations = colour(change.state.doc);
        }
      },
      { decorations: (it) => it.decorations },
    );
    return [state.Prec.highest(plugin), view.EditorView.baseTheme(rules())];
  }

  async function extension() {
    const codemirror = /** @type {LabCodeMirror} */ (await shared("@jupyterlab/codemirror"));
    const state = /** @type {StateModule} */ (await shared("@codemirror/state"));
    const view = /** @type {ViewModule} */ (await shared("@codemirror/view"));
    const name = "bigpato-magic:sql";
    const factory = () => codemirror.EditorExtensionRegistry.createImmutableExtension(highlighter(state, view));
    const plugin = {
      id: name,
      description: "Colours for BigQuery SQL in %%bpsql cells.",
      autoStart: true,
      requires: [codemirror.IEditorExtensionRegistry],
      /** @type {(app: unknown, registry: Registry) => void} */
      activate: (_app, registry) => registry.addExtension({ name, factory }),
    };
    return { __esModule: true, default: plugin };
  }

  const container = {
    /** @param {ShareScope} shareScope */
    init: (shareScope) => {
      scope = shareScope;
    },
    /**
     * @param {string} name "./extension", which JupyterLab asks for, or "./tokens", which tests do
     * @returns {Promise<() => unknown>}
     */
    get: async (name) => {
      const module = name === "./tokens" ? { tokens } : await extension();
      return () => module;
    },
  };
  const jupyter = /** @type {{ _JUPYTERLAB?: Record<string, typeof container> }} */ (/** @type {unknown} */ (window));
  jupyter._JUPYTERLAB ??= {};
  jupyter._JUPYTERLAB["bigpato-magic"] = container;
})();
