"""
Every numbered statement of MQTT 3.1.1 and 5.0 with the tests that show it: see C{README.rst}.
"""
