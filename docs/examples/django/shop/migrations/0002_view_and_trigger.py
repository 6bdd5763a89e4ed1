from django.db import migrations

# Lists, so that Django does not split them at their semicolons.
VIEW = [
    "CREATE VIEW shop_offer AS SELECT id, name, price, photo, photo_bytes,"
    " (SELECT COUNT(*) FROM shop_pricechange WHERE product_id = shop_product.id) AS changes FROM shop_product"
]
TRIGGER = [
    "CREATE TRIGGER shop_price AFTER UPDATE ON shop_product FOR EACH ROW BEGIN"
    " INSERT INTO shop_pricechange (product_id, old_price)"
    " SELECT NEW.id, OLD.price FROM shop_product WHERE id = NEW.id AND price <> OLD.price; END"
]


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.RunSQL(VIEW, ["DROP VIEW shop_offer"]),
        migrations.RunSQL(TRIGGER, ["DROP TRIGGER shop_price"]),
    ]
