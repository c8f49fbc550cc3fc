"""What a person learns from a car log: heat maps, laps, driving measures, events, the replay document.

Here live functions over `car.log_reader.CarLog` and `car.policy.Policy` that need no browser; the web
console in `analysis.console` only shows what they return. Not here: reading logs (car) and training.
"""
