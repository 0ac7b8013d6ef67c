import json
import os

LIBRARY = os.path.join(os.path.dirname(__file__), "..", "..", "lib", "prices.json")


def answer(item):
    with open(LIBRARY) as prices:
        return {"item": item, "price": json.load(prices)[item], "stage": os.environ.get("STAGE", "none")}


if __name__ == "__main__":
    print(json.dumps(answer("pear")))
