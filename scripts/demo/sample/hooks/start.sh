#!/bin/sh
echo "started $LIFECYCLE_EVENT on $(uname -n)"
date -u +%FT%TZ > /opt/hello/started
