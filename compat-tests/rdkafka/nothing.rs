//! There are only tests here.
