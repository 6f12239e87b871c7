package httpapitest

// Check returns what HTTPAPIConformance would fail with.
var Check = check

// FirstDifference is what HTTPAPIGolden shows.
var FirstDifference = firstDifference
