"""The OpenAPI document, made of the endpoints' declarations."""
