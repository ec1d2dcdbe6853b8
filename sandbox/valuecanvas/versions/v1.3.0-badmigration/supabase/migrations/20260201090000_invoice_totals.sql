create table invoice_totals (
  month date primary key,
  currency text not null,
  amount_due bigint not null
);

insert into invoice_totals (month, currency, amount_due)
select date_trunc('month', created_at)::date, currency, sum(amount_total)
from invoices
group by 1, 2;
