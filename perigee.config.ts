import { defineConfig } from './batch/config.ts';

/**
 * The run that `npm start` makes: a year of a British gift shop's invoices, as its till wrote them.
 * Chen, D. (2015). Online Retail. UCI Machine Learning Repository. https://doi.org/10.24432/C5BW33 (CC BY 4.0)
 */
const retail = 'batch/data/sample/online-retail.parquet';

/** Stock codes of goods begin with five digits; POST, DOT, M, BANK CHARGES and the like do not. */
const isProduct = "regexp_matches(StockCode, '^[0-9]{5}')";

export default defineConfig({
  name: 'Online Retail',
  data: {
    events: {
      path: retail,
      where: `CustomerID IS NOT NULL AND Quantity > 0 AND UnitPrice > 0 AND NOT starts_with(InvoiceNo, 'C') AND ${isProduct}`,
      columns: { userId: 'CustomerID', itemId: 'StockCode', time: 'InvoiceDate', basketId: 'InvoiceNo' },
    },
    items: {
      path: retail,
      // One code has several descriptions, some of them a clerk's notes ("damages", "?"): goods are described in capitals,
      // and the commonest description and the median price stand.
      where: `UnitPrice > 0 AND Quantity > 0 AND length(Description) > 5 AND Description = upper(Description) AND ${isProduct}`,
      columns: { itemId: 'StockCode', title: 'trim(mode(Description))', price: 'median(UnitPrice)' },
    },
    eventKinds: { purchase: 1 },
  },
  split: { kind: 'last-basket', targets: 'new', minimumHistory: 5 },
  evaluation: { at: [10, 20], primary: 'ndcg@20', sliceBy: 'price' },
  models: { 'two-tower': {} },
});
