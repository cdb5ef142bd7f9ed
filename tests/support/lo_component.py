"""UNO component, inside LibreOffice's own Python: hands ``XLPy.CallUDF`` over to the function server by socket.

On Windows the same call goes to the server by COM, also into another process.
"""

import json
import os
import socket

import unohelper
from com.sun.star.lang import XServiceInfo
from com.sun.star.script import XInvocation
from com.sun.star.uno import RuntimeException

NAME = "icp.xl.XLPy"


def taken(value):
    if isinstance(value, tuple):
        return [taken(item) for item in value]
    if hasattr(value, "getDataArray"):
        return taken(value.getDataArray())
    if hasattr(value, "getCellRange"):
        return taken(value.getCellRange().getDataArray())
    return value if isinstance(value, float | int | str | bool) and value != "" else None


def given(value):
    if isinstance(value, list):
        return tuple(given(item) for item in value)
    return "" if value is None else value


class XLPy(unohelper.Base, XInvocation, XServiceInfo):
    def __init__(self, context):
        self.context = context

    def getIntrospection(self):
        return None

    def hasMethod(self, name):
        return name == "CallUDF"

    def hasProperty(self, name):
        return False

    def getValue(self, name):
        return None

    def setValue(self, name, value):
        pass

    def invoke(self, name, parameters, *_):
        try:
            with socket.create_connection(("127.0.0.1", int(os.environ["ICP_XL_TEST_PORT"]))) as link:
                stream = link.makefile("rw", encoding="utf-8")
                stream.write(json.dumps([parameters[1], [taken(item) for item in parameters[2]]]) + "\n")
                stream.flush()
                return given(json.loads(stream.readline())), (), ()
        except Exception as error:
            raise RuntimeException(str(error), self) from error

    def getImplementationName(self):
        return NAME

    def supportsService(self, name):
        return name == NAME

    def getSupportedServiceNames(self):
        return (NAME,)


g_ImplementationHelper = unohelper.ImplementationHelper()
g_ImplementationHelper.addImplementation(XLPy, NAME, (NAME,))
