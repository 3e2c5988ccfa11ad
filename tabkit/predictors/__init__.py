"""What a model predicts with: an encoder and a learner that fit each other."""
