// Before anything is painted: the theme that was chosen on an earlier visit.
const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
document.documentElement.classList.add("js");
if (navigator.clipboard) document.documentElement.classList.add("clipboard");
