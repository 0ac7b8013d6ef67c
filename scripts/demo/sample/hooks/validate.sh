#!/bin/sh
/opt/hello/hello
