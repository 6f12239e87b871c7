package tokenfile

const openNow = 0
