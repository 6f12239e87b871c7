// Before anything is painted: the theme that was chosen on an earlier visit.
const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
