"""The worked examples that venues publish, each as a test with its document's name and the published numbers.

The documents are Binance Spot's (repository `binance/binance-spot-api-docs`) and, for the call auction, Deutsche
Börse's market model. Published decimal strings are read by the assets' decimals, so that a test says `"1.200000"`
where its document does.

What those documents show and is not here: `faqs/stp_faq.md` scenario H (the mode `TRANSFER`), the discounts and tax
rates of `faqs/commission_faq.md`, `faqs/sor_faq.md`, `faqs/pegged_orders.md`, `faqs/opo.md` and the remaining filters,
because there is nothing of the kind; `faqs/order_count_decrement.md`, because request rates are the gateway's, not the
engine's.
"""
