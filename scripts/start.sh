#!/bin/sh
# Starts Purser with an environment in which no secret stands: /proc/PID/environ shows a process's own user what it was
# started with, for as long as it lives. The variables go by a pipe that only Purser reads. The shell becomes Purser, so
# signals and the process id are the same, and nobody is left who was started with the secrets.
#
#   sh scripts/start.sh                      as the image does
#   sh scripts/start.sh PROGRAM [WORDS…]     another way to start the same program
#
# Better still, let no secret into the environment at all: each variable X may come as a file by X_FILE.
set -eu
if [ $# -eq 0 ]; then
  set -- node --enable-source-maps "$(dirname "$0")/../dist/main.js"
fi

# One line of base64, whatever the values hold. NODE_OPTIONS is for Purser, not for this.
exec 3<<EOF
$(NODE_OPTIONS='' node -e 'process.stdout.write(Buffer.from(JSON.stringify(process.env)).toString("base64"))')
EOF

# What other programs and libraries read, and what is no secret; a proxy's address must not have a password in it.
kept='PATH HOME LANG LC_ALL TZ TMPDIR NODE_ENV NODE_OPTIONS NODE_EXTRA_CA_CERTS HTTPS_PROXY https_proxy HTTP_PROXY http_proxy
NO_PROXY no_proxy GIT_SSH_COMMAND GIT_SSL_CAINFO SSH_AUTH_SOCK DOCKER_CONFIG KUBECONFIG KUBERNETES_SERVICE_HOST
KUBERNETES_SERVICE_PORT AWS_REGION AWS_PROFILE AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME
AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE SSL_CERT_FILE
GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_CONFIG AZURE_CLIENT_ID AZURE_TENANT_ID AZURE_FEDERATED_TOKEN_FILE AZURE_AUTHORITY_HOST'
for name in $kept; do
  eval "value=\${$name-}"
  if [ -n "$value" ]; then set -- "$name=$value" "$@"; fi
done
exec env -i PURSER_ENVIRONMENT_FD=3 "$@"
