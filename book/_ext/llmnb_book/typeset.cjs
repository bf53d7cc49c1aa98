// Sets formulas as SVG, for `formulas.py`: JSON on standard input and standard output.
//
//   in:  {"page": [["x^2", false], ...], ...}         TeX, and whether it is a displayed formula
//   out: {"pages": {"page": {"formulas": [html, ...], "glyphs": svg}}, "style": css,
//         "errors": ["page: formula: what is wrong", ...]}
//
// The glyphs of a page stand in it once; its formulas refer to them. Every formula carries its
// MathML for screen readers. Labels and numbers start afresh with each page.
const fs = require("fs");
const path = require("path");

const folder = path.resolve(process.argv[2], "es5");
const config = {
  loader: {
    paths: { mathjax: folder },
    load: ["input/tex-full", "output/svg", "adaptors/liteDOM", "a11y/assistive-mml"],
    versionWarnings: false, // liteDOM states no version
  },
  tex: {
    // Both would show a mistake on the page instead of stopping the build.
    packages: { "[-]": ["noundefined", "noerrors"] },
    formatError: (_, error) => { throw new Error(error.message); },
  },
  svg: { fontCache: "global" },
  startup: { typeset: false },
};

function typeset(MathJax, pages) {
  const adaptor = MathJax.startup.adaptor;
  const cache = MathJax.startup.document.outputJax.fontCache;
  const result = { pages: {}, errors: [] };
  for (const [page, formulas] of Object.entries(pages)) {
    MathJax.texReset();
    cache.clearCache();
    const set = [];
    for (const [tex, display] of formulas) {
      try {
        const html = adaptor.outerHTML(MathJax.tex2svg(tex, { display }));
        if (html.includes("MathJax_ref") && html.includes("???")) {
          throw new Error("it refers to a label that no formula above it has");
        }
        set.push(html);
      } catch (error) {
        result.errors.push(`${page}: ${tex.trim()}: ${error.message}`);
      }
    }
    const glyphs = adaptor.outerHTML(cache.getCache()); // <defs>, which only an <svg> may hold
    result.pages[page] = { formulas: set, glyphs: `<svg class="glyphs" aria-hidden="true">${glyphs}</svg>` };
  }
  result.style = adaptor.textContent(MathJax.svgStylesheet());
  return result;
}

require(path.join(folder, "node-main.js"))
  .init(config)
  .then((MathJax) => typeset(MathJax, JSON.parse(fs.readFileSync(0, "utf8"))))
  .then((result) => fs.writeSync(1, JSON.stringify(result)))
  .catch((error) => { console.error(error.message ?? error); process.exitCode = 1; });
