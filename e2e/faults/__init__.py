"""Proxies between the operator and what it talks to, which fail in chosen ways while everything behind them is real."""
