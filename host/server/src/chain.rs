//! The filter chain. Until components can be loaded it is empty and passes everything.
