-- Everything is billed in dollars now. Older versions still read this column.
alter table invoices drop column currency;
