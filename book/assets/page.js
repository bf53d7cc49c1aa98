// On paper folds are opened, and the theme is the light one.
(() => {
  let folded = [];
  let theme = null;
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    for (const details of folded) details.open = true;
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
    document.documentElement.dataset.theme = theme;
  });
})();

// A formula wider than a phone scrolls; then it can be scrolled from the keyboard too. (The theme
// sees to code and tables in the same way.)
(() => {
  const update = () => {
    for (const box of document.querySelectorAll("div.math, span.math, mjx-container[display]")) {
      // Measured by the drawing: the hidden MathML counts in an inline formula's scrollWidth.
      const drawn = box.querySelector("svg").getBoundingClientRect().right;
      if (drawn > box.getBoundingClientRect().right + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  let waiting = 0;
  addEventListener("load", update);
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 200);
  });
})();
