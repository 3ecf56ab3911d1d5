"""Assessment: a catalogue of indicators kept as data, compiled to SQL over views of the facts."""
