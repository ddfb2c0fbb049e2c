"""Who trains, who is evaluated: splits by rule, and whether their parts are alike."""
