//! The PROXY protocol header, v1 and v2, from listed networks only.
