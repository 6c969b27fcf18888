"""What users write: the kinds of ebbtide.dev, their labels and annotations, and the CRDs generated from them."""
