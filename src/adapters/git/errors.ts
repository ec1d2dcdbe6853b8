import { PurserError } from '../../errors.ts'

export class RepositoryError extends PurserError {}
