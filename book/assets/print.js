// On paper everything is shown and nothing is dark: folds are opened, the theme is the light one.
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
