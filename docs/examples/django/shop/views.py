from functools import partial

from django import forms
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from shop.models import Offer, Product, Stocktaking
from shop.tasks import measure


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ("name", "price", "photo")

    def validate_unique(self):
        """A product of that name gets the new price and photo."""


def products(request):
    form = ProductForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        with transaction.atomic():
            product, _made = Product.objects.update_or_create(
                name=form.cleaned_data["name"],
                defaults={name: form.cleaned_data[name] for name in ("price", "photo")},
            )
            transaction.on_commit(partial(measure.delay, product.pk))
        return redirect("/?fresh")
    # A replica may be some milliseconds behind, which nobody should see who has just written.
    offers = Offer.objects.using("default" if "fresh" in request.GET else "replica").order_by("name")
    page = {"form": form, "offers": offers, "stocktaking": Stocktaking.objects.last()}
    return render(request, "shop/products.html", page)


def health(request):
    """A release is asked before it goes live, and so is every server all the time; an exception is an answer of 500."""
    Product.objects.exists()
    return HttpResponse("ok\n", content_type="text/plain")
