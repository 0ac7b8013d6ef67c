/** One small result file of each of the ten formats, as tools write them: for tests, five cases or two files each. */

export const TEST_SAMPLES: Readonly<Record<string, string>> = {
  JUNITXML: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5"><testsuite name="shop.CartTest" tests="5" failures="1" errors="1" skipped="1" time="1.5">
<testcase classname="shop.CartTest" name="adds" time="0.5"/>
<testcase classname="shop.CartTest" name="removes" time="0.25"/>
<testcase classname="shop.CartTest" name="counts" time="0.25"><failure message="expected 2">CartTest.java:9</failure></testcase>
<testcase classname="shop.CartTest" name="pays" time="0.5"><error type="IOException">no network</error></testcase>
<testcase classname="shop.CartTest" name="ships" time="0"><skipped/></testcase>
</testsuite></testsuites>`,
  NUNITXML: `<?xml version="1.0"?>
<test-results name="Shop.dll"><test-suite name="Shop"><results><test-suite name="Cart"><results>
<test-case name="Adds" executed="True" result="Success" time="0.5"/>
<test-case name="Removes" executed="True" result="Success" time="0.25"/>
<test-case name="Counts" executed="True" result="Failure" time="0.25"><failure><message><![CDATA[expected 2]]></message><stack-trace>Cart.cs:9</stack-trace></failure></test-case>
<test-case name="Pays" executed="True" result="Error" time="0.5"/>
<test-case name="Ships" executed="False" result="Ignored"><reason><message>later</message></reason></test-case>
</results></test-suite></results></test-suite></test-results>`,
  NUNIT3XML: `<?xml version="1.0"?>
<test-run id="0" testcasecount="5"><test-suite type="Assembly" name="Shop.dll"><test-suite type="TestFixture" name="Cart">
<test-case name="Adds" classname="Shop.Cart" result="Passed" duration="0.5"/>
<test-case name="Removes" classname="Shop.Cart" result="Passed" duration="0.25"/>
<test-case name="Counts" classname="Shop.Cart" result="Failed" duration="0.25"><failure><message>expected 2</message></failure></test-case>
<test-case name="Pays" classname="Shop.Cart" result="Failed" label="Error" duration="0.5"/>
<test-case name="Ships" classname="Shop.Cart" result="Skipped"/>
</test-suite></test-suite></test-run>`,
  TESTNGXML: `<?xml version="1.0"?>
<testng-results total="5"><suite name="All"><test name="Shop"><class name="shop.CartTest">
<test-method is-config="true" name="setUp" status="PASS" duration-ms="3"/>
<test-method name="adds" status="PASS" duration-ms="500"/>
<test-method name="removes" status="PASS" duration-ms="250"/>
<test-method name="counts" status="FAIL" duration-ms="250"><exception class="E"><message><![CDATA[expected 2]]></message><full-stacktrace><![CDATA[CartTest.java:9]]></full-stacktrace></exception></test-method>
<test-method name="pays" status="FAIL" duration-ms="500"/>
<test-method name="ships" status="SKIP" duration-ms="0"/>
</class></test></suite></testng-results>`,
  VISUALSTUDIOTRX: `<?xml version="1.0"?>
<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testId="1" testName="Adds" outcome="Passed" duration="00:00:00.5000000"/>
<UnitTestResult testId="2" testName="Removes" outcome="Passed" duration="00:00:00.2500000"/>
<UnitTestResult testId="3" testName="Counts" outcome="Failed" duration="00:00:00.2500000"><Output><ErrorInfo><Message>expected 2</Message><StackTrace>Cart.cs:9</StackTrace></ErrorInfo></Output></UnitTestResult>
<UnitTestResult testId="4" testName="Pays" outcome="Error" duration="00:00:00.5000000"/>
<UnitTestResult testId="5" testName="Ships" outcome="NotExecuted"/>
</Results><TestDefinitions><UnitTest id="1"><TestMethod className="Shop.Cart, Shop" name="Adds"/></UnitTest></TestDefinitions></TestRun>`,
  CUCUMBERJSON: JSON.stringify([
    {
      keyword: 'Feature',
      name: 'Cart',
      elements: [
        scenario('adds', 'passed', 500),
        scenario('removes', 'passed', 250),
        scenario('counts', 'failed', 250),
        scenario('pays', 'undefined', 500),
        scenario('ships', 'skipped', 0),
      ],
    },
  ]),
};

function scenario(name: string, status: string, milliseconds: number) {
  const result = {
    status,
    duration: milliseconds * 1e6,
    ...(status === 'failed' && { error_message: 'expected 2' }),
  };
  return { type: 'scenario', keyword: 'Scenario', name, steps: [{ keyword: 'When ', name, result }] };
}

/** Two files: of the first 3 of 4 lines and 1 of 2 branches, of the second no line of 1. */
export const COVERAGE_SAMPLES: Readonly<Record<string, string>> = {
  JACOCOXML: `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="shop"><sessioninfo id="x" start="1" dump="2"/><package name="shop"><sourcefile name="Cart.java"><counter type="LINE" missed="1" covered="3"/><counter type="BRANCH" missed="1" covered="1"/></sourcefile><sourcefile name="Till.java"><counter type="LINE" missed="1" covered="0"/></sourcefile></package></report>`,
  COBERTURAXML: `<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.6"><packages><package name="."><classes>
<class name="cart" filename="shop/cart.py"><methods/><lines><line number="1" hits="1"/><line number="2" hits="3" branch="true" condition-coverage="50% (1/2)"/><line number="3" hits="1"/><line number="4" hits="0"/></lines></class>
<class name="till" filename="shop/till.py"><methods/><lines><line number="1" hits="0"/></lines></class>
</classes></package></packages></coverage>`,
  CLOVERXML: `<?xml version="1.0" encoding="UTF-8"?><coverage generated="1" clover="3.2.0"><project timestamp="1" name="All files"><package name="shop"><file name="cart.js" path="shop/cart.js"><metrics statements="4"/><line num="1" count="1" type="stmt"/><line num="2" count="1" type="cond" truecount="1" falsecount="0"/><line num="3" count="2" type="stmt"/><line num="4" count="0" type="stmt"/></file><file name="till.js" path="shop/till.js"><line num="1" count="0" type="stmt"/></file></package></project></coverage>`,
  SIMPLECOV: JSON.stringify({
    RSpec: {
      coverage: {
        '/src/cart.rb': { lines: [1, 3, null, 1, 0], branches: { if: { then: 1, else: 0 } } },
        '/src/till.rb': { lines: [0], branches: {} },
      },
      timestamp: 1,
    },
  }),
};
