import { type Shape, table } from './shape.ts'

const of = (tool: string) => ({ refused: `is written for ${tool}` })

/** Directories and files as other tools have them. */
export const otherTools: readonly Shape[] = [
  { name: 'dbmate', files: `-- migrate:up\n${table('t')}\n\n-- migrate:down\ndrop table t;\n`, outcome: of('dbmate') },
  { name: 'goose', files: `-- +goose Up\n${table('t')}\n-- +goose Down\ndrop table t;\n`, outcome: of('goose') },
  {
    name: 'sql-migrate',
    files: `-- +migrate Up\n${table('t')}\n-- +migrate Down\ndrop table t;\n`,
    outcome: of('sql-migrate'),
  },
  {
    name: 'Liquibase',
    files: `--liquibase formatted sql\n\n--changeset dana:1\n${table('t')}\n--rollback drop table t;\n`,
    outcome: of('Liquibase'),
  },
  {
    name: 'MyBatis Migrations',
    files: `-- // first\n${table('t')}\n\n-- //@UNDO\ndrop table t;\n`,
    outcome: of('MyBatis Migrations'),
  },
  {
    name: 'golang-migrate',
    files: [
      ['1_t.up.sql', table('t')],
      ['1_t.down.sql', 'drop table t;'],
    ],
    outcome: of('golang-migrate'),
  },
  {
    name: 'Flyway',
    files: [
      ['V1__t.sql', table('t')],
      ['R__view.sql', 'create view v as select 1;'],
    ],
    outcome: { refused: 'none of the 2 files' },
  },
  {
    name: 'Flyway beside plain files',
    files: [
      ['1_a.sql', table('a')],
      ['V2__t.sql', table('t')],
    ],
    outcome: { named: 'V2__t.sql' },
  },
  {
    name: 'Diesel',
    files: [
      ['1_t/up.sql', table('t')],
      ['1_t/down.sql', 'drop table t;'],
    ],
    outcome: { refused: 'none of the 2 files' },
  },
  {
    name: 'Prisma',
    files: [
      [
        '20260101000000_init/migration.sql',
        `-- CreateTable\nCREATE TABLE "User" (\n    "id" SERIAL NOT NULL,\n    "email" TEXT NOT NULL,\n\n    CONSTRAINT "User_pkey" PRIMARY KEY ("id")\n);\n\n-- CreateIndex\nCREATE UNIQUE INDEX "User_email_key" ON "User"("email");\n`,
      ],
      ['migration_lock.toml', 'provider = "postgresql"'],
    ],
    outcome: 'applied',
  },
  {
    name: 'Supabase',
    files: [
      [
        '20260101000000_init.sql',
        `create table public.profiles (id uuid primary key, at timestamptz default now());\nalter table public.profiles enable row level security;\ncreate policy "Public profiles; everyone" on public.profiles for select using (true);`,
      ],
    ],
    outcome: 'applied',
  },
  {
    name: 'drizzle',
    files: [
      [
        '0000_calm.sql',
        `CREATE TABLE "users" (\n\t"id" serial PRIMARY KEY NOT NULL\n);\n--> statement-breakpoint\nALTER TABLE "users" ADD COLUMN "name" text;--> statement-breakpoint\nCREATE INDEX "users_name" ON "users" USING btree ("name");`,
      ],
    ],
    outcome: 'applied',
  },
  {
    name: 'numbers of several lengths',
    files: [
      ['10_b.sql', 'alter table t add b int;'],
      ['9_a.sql', 'create table t (id int);'],
      ['011_c.sql', 'alter table t add c int;'],
    ],
    outcome: 'applied',
  },
  {
    name: 'two files of one number',
    files: [
      ['1_a.sql', table('a')],
      ['01_b.sql', table('b')],
    ],
    outcome: { refused: 'carry the same version' },
  },
]
