"""What can be done with each noun: one file for each, and in it a function for each verb.

A function describes a call and says what is shown of the reply; sending, printing and ending is done above.
"""
