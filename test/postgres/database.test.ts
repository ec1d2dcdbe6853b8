import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { databaseContract } from '../contract/database.ts'

databaseContract('the service database through pg', (url) => openDatabase({ url: new Sensitive(url) }))
