"""Learning who will do what: data frames of features in, models, measures and plans out. It knows no platform."""
