import { type Shape, table } from './shape.ts'

/** Who may do what. */
export const rights: readonly Shape[] = [
  {
    name: 'grants',
    before: table('t'),
    files: `grant select, insert (note), update (note) on t to shapes_reader with grant option; grant all on all tables in schema public to shapes_owner; grant usage on schema public to public; grant execute on all functions in schema public to shapes_reader; revoke insert (note) on t from shapes_reader cascade;`,
    outcome: 'applied',
  },
  {
    name: 'revokes',
    before: `${table('t')} grant all on t to public;`,
    files: `revoke all on t from public; revoke create on schema public from public; revoke all on schema public from shapes_reader;`,
    outcome: 'applied',
  },
  {
    name: 'default privileges',
    files: `alter default privileges in schema public grant select on tables to shapes_reader; alter default privileges for role shapes_owner grant execute on functions to shapes_reader; alter default privileges revoke execute on functions from public; ${table('t')} create function f() returns int language sql as 'select 1';`,
    outcome: 'applied',
  },
  {
    name: 'default privileges from which one table is taken',
    files: `alter default privileges in schema public grant all on tables to shapes_reader; create table secrets (id int); revoke all on secrets from shapes_reader;`,
    outcome: 'applied',
  },
  {
    name: 'owners',
    before: `${table('t')} create function f() returns int language sql as 'select 1'; create schema s;`,
    files: `alter table t owner to shapes_owner; alter function f() owner to shapes_owner; alter schema s owner to shapes_owner; reassign owned by shapes_owner to current_user;`,
    outcome: 'applied',
  },
  {
    name: 'roles',
    files: `create role shapes_new nologin; grant shapes_reader to shapes_new; alter role shapes_new set search_path = public; comment on role shapes_new is 'x;';`,
    after: 'drop role if exists shapes_new',
    outcome: 'applied',
  },
  { name: 'a role that is there', files: 'create role shapes_reader;', outcome: { fails: '42710' } },
  {
    name: 'grants to a role that is not there',
    before: table('t'),
    files: 'grant select on t to shapes_nobody;',
    outcome: { fails: '42704' },
  },
  {
    name: 'rights on types, languages and parameters',
    files: `create type ty as enum ('a'); revoke usage on type ty from public; grant usage on language plpgsql to shapes_reader; create sequence s; grant usage on sequence s to shapes_reader; create domain d as int; grant usage on domain d to shapes_reader;`,
    outcome: 'applied',
  },
  {
    name: 'rights on the database',
    files: `do $$ begin execute format('grant connect, temporary on database %I to shapes_reader; revoke temporary on database %1$I from public', current_database()); end $$;`,
    outcome: 'applied',
  },
  {
    name: 'security labels without a provider',
    before: table('t'),
    files: `security label on table t is 'secret';`,
    outcome: { fails: '22023' },
  },
  {
    name: 'drop owned',
    before: `${table('t')} alter table t owner to shapes_owner; grant usage on schema public to shapes_owner;`,
    files: `drop owned by shapes_owner cascade;`,
    outcome: 'applied',
  },
]
