PRICES = {"apple": 30, "pear": 45}


def total(items):
    if not items:
        return 0
    return sum(price_of(item) for item in items)


def price_of(item):
    if item not in PRICES:
        raise KeyError(f"nobody sells {item}")
    return PRICES[item]
