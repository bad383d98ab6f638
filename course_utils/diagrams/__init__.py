"""Drawings that explain: each is made from the numbers that it shows. One module for each thing that is drawn."""
