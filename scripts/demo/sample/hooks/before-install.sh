#!/bin/sh
echo "preparing $(uname -n) for deployment $DEPLOYMENT_ID"
mkdir -p /opt/hello
