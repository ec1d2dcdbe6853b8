import { z } from 'zod'
import { checkFields, distinctBy, minutes, repositoryPath } from './fields.ts'

const migrationFileName = z
  .string()
  .regex(/^\d+[\w.-]*$/, 'must be a migration file name, as in 20260101091000_billing_audit_log.sql')

/** `service.migrations`: where the files are, how they are applied, and what must be there afterwards. */
export const migrationsSchema = checkFields(
  z.strictObject({
    directory: repositoryPath.describe('Where the migration files are: <digits>_<name>.sql.'),
    baseline: z
      // YAML reads bare digits as a number.
      .union([z.string().regex(/^\d+$/), z.int().nonnegative()], {
        error: 'must be the digits that begin a migration file name',
      })
      .transform(String)
      .exactOptional()
      .describe('Files up to and including these digits were applied before Purser came.'),
    lockTimeoutSeconds: z
      .number()
      .positive()
      .default(2)
      .describe('How long a migration waits for a lock before a retry.'),
    statementTimeoutMinutes: minutes.default(5).describe('How long one statement may take.'),
    blockers: z
      .enum(['name', 'end'], { error: 'must be name or end' })
      .default('name')
      .describe('Sessions that keep a migration from its lock: named only, or ended before the last try.'),
    expect: distinctBy(
      z.strictObject({
        file: migrationFileName,
        tables: z
          .array(
            z
              .string()
              .regex(/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$/, 'must be a table, as in grace_periods or public.grace_periods'),
          )
          .min(1),
      }),
      'file',
    )
      .default([])
      .describe('Which tables must exist after a migration file was applied.'),
    needs: distinctBy(
      z.strictObject({
        file: migrationFileName,
        version: z
          .string()
          .regex(/^v?\d+\.\d+(\.\d+)?(-\S+)?$/, 'must be a version, as in v1.3.0')
          .describe('The oldest version that runs once this file is applied.'),
      }),
      'file',
    )
      .default([])
      .describe(
        'Corrects what is read off a migration that drops or renames something: which versions run with it. A line `-- purser: needs v1.3.0` in the file says the same.',
      ),
  }),
  ['baseline', 'expect'],
  ({ baseline, expect }, problem) => {
    if (baseline === undefined) return
    for (const [index, { file }] of expect.entries()) {
      const digits = /^\d+/.exec(file)?.[0] ?? '0'
      if (BigInt(digits) <= BigInt(baseline)) {
        problem(
          ['expect', index, 'file'],
          `is not newer than the baseline ${baseline}, so it never runs. Remove one of them`,
        )
      }
    }
  },
)
