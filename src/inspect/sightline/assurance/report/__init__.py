"""The quality engineer's page on a bundle: one HTML file with everything inside, for screen, print and auditors.

`about` gathers what the bundle says of itself and whether it works here, `measure` what it says of labelled images
today, `read_study` what an attribute agreement study found; `write_report` makes the page of them.
"""
