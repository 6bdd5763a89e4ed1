from django.core.management.base import BaseCommand

from shop.models import Product, Stocktaking


class Command(BaseCommand):
    help = "Count the products and note how many there are."

    def handle(self, *args, **options):
        taken = Stocktaking.objects.create(products=Product.objects.count())
        self.stdout.write(f"{taken.products} products")
