from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=100, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    photo = models.FileField(upload_to="photos")
    # A task of the worker fills it in.
    photo_bytes = models.PositiveIntegerField(null=True, editable=False)


class PriceChange(models.Model):
    """Written by a trigger."""

    product = models.ForeignKey(Product, models.CASCADE)
    old_price = models.DecimalField(max_digits=8, decimal_places=2)


class Offer(models.Model):
    """A view: products with the number of times that their price has changed."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    photo = models.FileField()
    photo_bytes = models.PositiveIntegerField(null=True)
    changes = models.IntegerField()

    class Meta:
        managed = False
        db_table = "shop_offer"


class Stocktaking(models.Model):
    """Written by a scheduled job."""

    at = models.DateTimeField(auto_now_add=True)
    products = models.PositiveIntegerField()
