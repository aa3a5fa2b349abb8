"""How much work encoders and systems are: parameters, operations, real-time factor, memory. `probe bench`."""
