import { type Shape, table } from './shape.ts'

const deep = (depth: number): string => (depth === 0 ? 'why;' : `/* ${deep(depth - 1)} */`)

/** How the text is written: encodings, line ends, comments, quotes. */
export const texts: readonly Shape[] = [
  { name: 'an empty file', files: '', outcome: 'applied' },
  { name: 'a file of one line break', files: '\n', outcome: 'applied' },
  { name: 'comments only', files: '-- nothing to do here;\n/* moved to 42 */\n', outcome: 'applied' },
  { name: 'semicolons only', files: ';;\n ;\n', outcome: 'applied' },
  { name: 'no semicolon at the end', files: 'create table t (id int)', outcome: 'applied' },
  { name: 'a byte order mark', files: `\uFEFF${table('t')}`, outcome: 'applied' },
  {
    name: 'a byte order mark before a comment',
    files: `\uFEFF-- by an editor of Windows\r\n${table('t')}\r\n`,
    outcome: 'applied',
  },
  {
    name: 'line ends of Windows',
    files: `create table t (\r\n  id int -- why\r\n);\r\n\r\ninsert into t values (1);\r\n`,
    outcome: 'applied',
  },
  {
    name: 'line ends of Windows in a function',
    files: `create function f() returns text language plpgsql as $$\r\nbegin\r\n  return 'a;\r\nb';\r\nend;\r\n$$;\r\n`,
    outcome: 'applied',
  },
  {
    name: 'line ends of the old Mac',
    files: `create table t (id int);\rcreate table u (id int);\r`,
    outcome: 'applied',
  },
  {
    name: 'a comment that ends at an old Mac line end',
    files: `-- why; ever\rcreate table t (id int);\n-- and; more\r\ncommit_count;`,
    outcome: { fails: '42601' },
  },
  {
    name: 'UTF-16, as PowerShell writes it',
    files: Buffer.from(`\uFEFF${table('t')}`, 'utf16le'),
    outcome: { refused: 'UTF-8' },
  },
  {
    name: 'Latin-1',
    files: Buffer.from(`create table t (note text default 'm\u00fcde');`, 'latin1'),
    outcome: { refused: 'UTF-8' },
  },
  {
    name: 'a zero byte',
    files: `create table t (id int);\0create table u (id int);`,
    outcome: { refused: 'zero byte' },
  },
  { name: 'tabs and form feeds', files: 'create\ttable\ft (id\f\tint);', outcome: 'applied' },
  { name: 'a space that does not break', files: 'create table\u00a0t (id int);', outcome: { fails: '42601' } },
  {
    name: 'comments within comments',
    files: `/* one /* two; /* three; */ */ commit; */ ${table('t')} /* /**/ */`,
    outcome: 'applied',
  },
  {
    name: 'comments eleven deep',
    files: `${deep(11)}\ncreate index concurrently i on t (note); ${deep(3)}`,
    before: table('t'),
    outcome: 'applied',
  },
  {
    name: 'comments within comments before a begin',
    files: `/* a /* b */ c */ begin; ${table('t')} commit;`,
    outcome: 'applied',
  },
  { name: 'a comment that is never closed', files: `${table('t')} /* why`, outcome: { fails: '42601' } },
  {
    name: 'a comment with one end missing',
    files: `${table('t')} /* a /* b */ ; drop table t;`,
    outcome: { fails: '42601' },
  },
  {
    name: 'dashes that are no comment',
    files: `select 1 - -1; select 'a--b;'; create table "x--y;" (id int);`,
    outcome: 'applied',
  },
  { name: 'an operator beside a comment', files: 'select 5*/* five */2; select 1--one;\n;', outcome: 'applied' },
  {
    name: 'quotes within quotes',
    files: `create table t (note text default 'it''s "one"; and $$two$$ -- three'); comment on table t is '/* ; */';`,
    outcome: 'applied',
  },
  { name: 'a string over lines', files: `create table t (note text default 'one;\ntwo;\n');`, outcome: 'applied' },
  {
    name: 'a string that goes on in the next line',
    files: `create table t (note text default 'one; '\n  'two;');`,
    outcome: 'applied',
  },
  {
    name: 'strings with escapes',
    files: String.raw`create table t (a text default E'it\'s; \\', b text default e'\x41;\\'); insert into t default values;`,
    outcome: 'applied',
  },
  {
    name: 'a string with escapes that goes on',
    files: `create table t (a text default E'one\\''\n'two\\'; three'); insert into t default values;`,
    outcome: 'applied',
  },
  {
    name: 'backslashes that escape nothing',
    files: String.raw`create table t (a text default 'C:\'); insert into t values ('\d;'), ('\'); select 'a\';`,
    outcome: 'applied',
  },
  {
    name: 'strings by code points',
    files: String.raw`create table t (a text default U&'d\0061t\+000061;', b text default u&'d!0061t' uescape '!');`,
    outcome: 'applied',
  },
  {
    name: 'names by code points',
    files: String.raw`create table U&"d\0061t;a" (U&"!0441!043B" uescape '!' int);`,
    outcome: 'applied',
  },
  {
    name: 'bits and bytes',
    files: `create table t (a bit(4) default B'1010', b bit(8) default X'1F', c bytea default '\\x00');`,
    outcome: 'applied',
  },
  { name: 'national strings', files: `create table t (a text default N'one;');`, outcome: 'applied' },
  {
    name: 'numbers with underscores',
    files: 'create table t (a int default 1_000_000, b int default 0x1F);',
    since: 16,
    outcome: 'applied',
  },
  {
    name: 'dollar quotes within dollar quotes',
    files: `do $a$ begin execute $b$ do $c$ begin execute $$ create table t (note text default 'x;') $$; end $c$ $b$; end $a$;`,
    outcome: 'applied',
  },
  {
    name: 'dollar quotes with long and foreign tags',
    files: `do $${'long_tag_'.repeat(12)}$ begin create table t (id int); end $${'long_tag_'.repeat(12)}$; do $тег$ begin create table u (id int); end; $тег$;`,
    outcome: 'applied',
  },
  {
    name: 'dollars that quote nothing',
    files: `create table a$b$c (d$ int, e$$f int); select '$$'; create table g (h text default '$x$');`,
    outcome: 'applied',
  },
  {
    name: 'a dollar quote that is never closed',
    files: `${table('t')} do $a$ begin null; end $b$;`,
    outcome: { fails: '42601' },
  },
  { name: 'a string that is never closed', files: `${table('t')} select 'one;`, outcome: { fails: '42601' } },
  { name: 'a name that is never closed', files: `${table('t')} select "one;`, outcome: { fails: '42601' } },
  {
    name: 'names in other scripts',
    files: `create table счета (сумма numeric, "Größe" int, 名前 text, "😀" text default '😀;');`,
    outcome: 'applied',
  },
  {
    name: 'names in another case',
    files: `CREATE TABLE Accounts (Id int, "Id" int); create table "Accounts" (id int); create index "Accounts_Id" on accounts ("Id");`,
    outcome: 'applied',
  },
  {
    name: 'names with quotes, dots and line breaks',
    files: `create schema "a.b"; create table "a.b".c (id int); create schema a; create table a."b.c" (id int); create table "x""y" (id int); create table "line\nbreak" ("a;b" int);`,
    outcome: 'applied',
  },
  {
    name: 'a concurrent index with a dotted name',
    before: 'create schema "a.b"; create table "a.b"."c d" (id int); create schema a; create table a."b.c d" (id int);',
    files: `create index concurrently "x.y" on "a.b"."c d" (id); create index concurrently "x.z" on a."b.c d" (id); drop index concurrently "a.b"."x.y";`,
    outcome: 'applied',
  },
  {
    name: 'a concurrent index with a quote and a line break in its name',
    before: table('t'),
    files: `create index concurrently "i""\n;j" on t (note);`,
    outcome: 'applied',
  },
  { name: 'a name of more than 63 bytes', files: `create table ${'n'.repeat(70)} (id int);`, outcome: 'applied' },
  {
    name: 'a concurrent index with a name of more than 63 bytes',
    before: table('t'),
    files: `create index concurrently ${'n'.repeat(70)} on t (note);`,
    outcome: 'applied',
  },
  {
    name: 'a very long statement',
    files: `create table t (id int, note text); insert into t values ${Array.from({ length: 300 }, (_, n) => `(${n}, 'row ${n}; -- $$ /*')`).join(',\n')};`,
    outcome: 'applied',
  },
  {
    name: 'a great many statements',
    files: `create table t (id int, note text);\n${Array.from({ length: 300 }, (_, n) => `insert into t values (${n}, 'it''s ${n};');\n`).join('')}`,
    outcome: 'applied',
  },
  {
    name: 'words that are kept for the grammar, as names',
    files: `create table "user" ("order" int, "group" int, "select" int); create table t (type text, name text, value text, date date);`,
    outcome: 'applied',
  },
  { name: 'a syntax error', files: 'create tabel t (id int);', outcome: { fails: '42601' } },
  {
    name: 'a syntax error after what is right',
    files: `${table('t')}\nalter table t add column;\n`,
    outcome: { fails: '42601' },
  },
  {
    name: 'syntax of another database',
    files: 'create table `t` (id int auto_increment) engine=InnoDB;',
    outcome: { fails: '42601' },
  },
  { name: 'go, as of SQL Server', files: `${table('t')}\nGO\n${table('u')}\nGO\n`, outcome: { fails: '42601' } },
]
