"""For the tests of applications: a store battery, a clock moved by hand, a hasher for free, a proxy that loses things."""
