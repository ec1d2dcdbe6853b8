import { type Shape, table } from './shape.ts'

const command = { refused: 'is a command of psql' }

/** Files that are written for psql itself. */
export const psqlScripts: readonly Shape[] = [
  { name: 'an include', files: `\\i other.sql\n${table('t')}`, outcome: command },
  { name: 'a relative include', files: `${table('t')}\n\\ir seeds/plans.sql\n`, outcome: command },
  { name: 'another database', files: `\\c app app_owner\n${table('t')}`, outcome: command },
  { name: 'stop at errors', files: `\\set ON_ERROR_STOP on\n${table('t')}`, outcome: command },
  { name: 'echo and timing', files: `\\echo 'begin;'\n\\timing on\n${table('t')}`, outcome: command },
  { name: 'a variable, set', files: `\\set owner shapes_owner\nset role :owner;`, outcome: command },
  {
    name: 'a variable that nobody has set',
    files: 'create table t (id int default :start);',
    outcome: { fails: '42601' },
  },
  {
    name: 'a quoted variable that nobody has set',
    files: `create table :"name" (note text default :'note');`,
    outcome: { fails: '42601' },
  },
  {
    name: 'a variable that psql has',
    files: `comment on schema public is :'DBNAME';`,
    outcome: { refused: 'uses a variable of psql' },
  },
  {
    name: 'a variable that psql has, as a name',
    files: `${table('t')} alter table t owner to :"USER";`,
    outcome: { refused: 'variable of psql' },
  },
  {
    name: 'colons that are no variables',
    files: `create table t (a int[] default '{1,2}', b text default ':USER', c time default '10:30'::time); select a[1:2], a[:1] from t; create function f(x int default 1) returns int language sql as $$ select x::int $$; select f(x := 2);`,
    outcome: 'applied',
  },
  { name: 'rows that become statements', files: `select 'create table t (id int)' \\gexec\n`, outcome: command },
  { name: 'a row that becomes variables', files: `select 1 as one \\gset\nselect :one;\n`, outcome: command },
  { name: 'go instead of a semicolon', files: `create table t (id int) \\g\n`, outcome: command },
  { name: 'conditions of psql', files: `\\if :{?fresh}\n${table('t')}\n\\endif\n`, outcome: command },
  { name: 'two statements by one backslash', files: `select 1\\; select 2;`, outcome: command },
  { name: 'copy of the client', files: `\\copy t from 'rows.csv' csv\n`, outcome: command },
  { name: 'a large object of the client', files: `\\lo_import logo.png\n`, outcome: command },
  { name: 'another encoding by psql', files: `\\encoding latin1\n${table('t')}`, outcome: command },
  { name: 'describing', files: `${table('t')}\n\\d t\n\\q\n`, outcome: command },
  {
    name: 'rows from stdin, csv',
    files: `create table t (a int, b text);\ncopy t (a, b) from stdin with (format csv);\n1,"it's; one"\n\\.\n`,
    outcome: { refused: 'copies rows from stdin' },
  },
  {
    name: 'rows from stdin, quoted names',
    files: `create table "T" ("a b" int);\nCOPY "T" ("a b") FROM STDIN;\n1\n\\.\ninsert into "T" values (2);\n`,
    outcome: { refused: 'copies rows from stdin' },
  },
  {
    name: 'rows from stdin, upper case, options',
    files: `create table t (a int);\nCOPY t\n  FROM\n  STDIN DELIMITER ',';\n1\n\\.\n`,
    outcome: { refused: 'copies rows from stdin' },
  },
  {
    name: 'rows to stdout',
    before: `${table('t')} insert into t values (1, 'a');`,
    files: `copy t to stdout; copy (select id from t) to stdout with csv header; ${table('u')}`,
    outcome: 'applied',
  },
  {
    name: 'rows from a program of the server',
    files: `create table t (n int); copy t from program 'seq 1 5';`,
    outcome: 'applied',
  },
  {
    name: 'rows to a program of the server',
    before: table('t'),
    files: `copy t to program 'cat >/dev/null'; ${table('u')}`,
    outcome: 'applied',
  },
  {
    name: 'rows from a file that is not there',
    before: table('t'),
    files: `copy t from '/nowhere/rows.csv';`,
    outcome: { fails: '58P01' },
  },
]
