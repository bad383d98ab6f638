"""The ground floor of both products: guards, files, words, notebooks. Knows the rest of the package by no import."""
