const red = (text) => `\u001b[31m${text}\u001b[39m`
const green = (text) => `\u001b[32m${text}\u001b[39m`

// Somebody reads these lines in a terminal. Only the first two of them tell of errors.
setInterval(() => {
  console.log(`${red('error')}: billing currency rates refresh failed`)
  console.log(
    "TypeError: Cannot read properties of undefined (reading 'rate')\n" +
      '    at convert (/app/src/services/billing/rates.mjs:12:7)\n' +
      '    at async refresh (/app/src/rates.mjs:3:1)',
  )
  console.log(`${green('info')}: billing error rate 0`)
  console.log('GET /billing/error-page 200')
  console.log('{"L":"INFO","msg":"billing rates","error":null}')
}, 333).unref()
